# fleet53 from its packaged template (docs/install.md), a further pool, and an Auto Scaling group in that pool.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

resource "aws_cloudformation_stack" "fleet53" {
  name         = var.stack_name
  template_url = var.template_url
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
  parameters = {
    HostedZoneId       = var.hosted_zone_id
    RecordName         = var.record_name
    HealthCheckUrl     = var.health_check_url
    AllowedRecordNames = var.pool_record_name
  }
  # A deleted stack withdraws its records first, which takes up to 15 minutes.
  timeouts {
    delete = "30m"
  }
}

# A person who may change this parameter decides what the pool's name answers with (docs/security.md).
resource "aws_ssm_parameter" "pool" {
  name = "${aws_cloudformation_stack.fleet53.outputs["PoolsPath"]}/${var.pool}"
  type = "String"
  value = jsonencode({
    hosted_zone_id = var.hosted_zone_id
    record_name    = var.pool_record_name
    ttl            = 60
    address        = "public-ipv4"
    health_check = {
      url               = var.health_check_url
      interval          = 30
      failure_threshold = 3
      search_string     = null
      regions           = null
    }
    admit_when = "healthy"
    fallback   = null
  })
}

data "aws_region" "current" {}

data "aws_ec2_managed_prefix_list" "checkers" {
  name = "com.amazonaws.${data.aws_region.current.name}.route53-healthchecks"
}

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

data "aws_subnet" "first" {
  id = var.subnet_ids[0]
}

resource "aws_security_group" "servers" {
  name_prefix = "${var.pool}-"
  description = "Port 80 for Route 53 checkers and for clients"
  vpc_id      = data.aws_subnet.first.vpc_id

  ingress {
    description     = "Route 53 checkers"
    protocol        = "tcp"
    from_port       = 80
    to_port         = 80
    prefix_list_ids = [data.aws_ec2_managed_prefix_list.checkers.id]
  }
  ingress {
    description = "Clients"
    protocol    = "tcp"
    from_port   = 80
    to_port     = 80
    cidr_blocks = [var.client_cidr]
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_launch_template" "servers" {
  name_prefix            = "${var.pool}-"
  image_id               = data.aws_ssm_parameter.image.value
  instance_type          = "t4g.nano"
  update_default_version = true
  user_data              = base64encode(var.user_data)

  network_interfaces {
    device_index                = 0
    associate_public_ip_address = true
    security_groups             = [aws_security_group.servers.id]
  }
  metadata_options {
    http_tokens = "required"
  }
}

resource "aws_autoscaling_group" "servers" {
  name_prefix         = "${var.pool}-"
  min_size            = var.min_size
  max_size            = var.max_size
  vpc_zone_identifier = var.subnet_ids
  # Terraform would wait until the instances are in service, which needs fleet53 and healthy members.
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = aws_launch_template.servers.id
    version = aws_launch_template.servers.latest_version
  }

  # In the group, not resources of their own, so that they hold the first instances too.
  initial_lifecycle_hook {
    name                 = "fleet53-launch"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    heartbeat_timeout    = 1200 # more than fleet53's AdmitTimeout
    default_result       = "CONTINUE"
  }
  initial_lifecycle_hook {
    name                 = "fleet53-terminate"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    heartbeat_timeout    = 600 # more than the records' TTL and a minute
    default_result       = "CONTINUE"
  }

  tag {
    key                 = "fleet53:pool"
    value               = var.pool
    propagate_at_launch = true
  }

  # A changed launch template replaces the servers, one after the other.
  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 150
    }
  }

  # The pool and the stack are there first and go last, so that fleet53 completes the hooks.
  depends_on = [aws_ssm_parameter.pool]
}
