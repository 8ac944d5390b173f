output "audit" {
  description = "Command that audits the stack."
  value       = aws_cloudformation_stack.fleet53.outputs["InvokeAudit"]
}

output "group" {
  description = "Name of the Auto Scaling group."
  value       = aws_autoscaling_group.servers.name
}
