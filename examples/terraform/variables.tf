variable "template_url" {
  type        = string
  description = "Address in S3 of the packaged template, in a bucket of this Region."
}

variable "stack_name" {
  type        = string
  description = "Name of the stack; the owner of all records and health checks."
  default     = "fleet53"
}

variable "hosted_zone_id" {
  type        = string
  description = "Id of the Route 53 hosted zone that contains both names."
}

variable "record_name" {
  type        = string
  description = "Name of the stack's first pool."
}

variable "pool" {
  type        = string
  description = "Name of the pool that this configuration adds."
  default     = "servers"

  validation {
    condition     = can(regex("^[a-z0-9-]{1,32}$", var.pool))
    error_message = "A pool's name is 1 to 32 of a-z, 0-9 and -."
  }
}

variable "pool_record_name" {
  type        = string
  description = "Name of that pool's records."
}

variable "health_check_url" {
  type        = string
  description = "URL that Route 53 checks at each instance's own address."
  default     = "http://:80/"
}

variable "subnet_ids" {
  type        = list(string)
  description = "Public subnets of one VPC, in several Availability Zones."
}

variable "client_cidr" {
  type        = string
  description = "IPv4 addresses that may connect to the servers."
  default     = "0.0.0.0/0"
}

variable "min_size" {
  type        = number
  description = "Servers that the group has at least."
  default     = 2
}

variable "max_size" {
  type        = number
  description = "Servers that the group has at most."
  default     = 4
}

variable "user_data" {
  type        = string
  description = "What a server does when it starts; it must serve the health check's URL."
  default     = <<-EOT
    #!/bin/bash
    mkdir -p /srv/www
    hostname > /srv/www/index.html
    cd /srv/www && nohup python3 -m http.server 80 &
  EOT
}
