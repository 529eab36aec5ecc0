# An AMI with eni-routed: packer init . && packer build -var package=./eni-routed_0.1.0-1_amd64.deb .
# Debian 12 as it stands; another owner, name and user make it one of Ubuntu, or with an .rpm of Rocky Linux.
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.3.0"
    }
  }
}

variable "package" {
  type        = string
  description = "The .deb or .rpm of the instance's processor."
}

variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "instance_type" {
  type        = string
  default     = "t3.small"
  description = "t4g.small for arm64, together with source_name."
}

variable "source_name" {
  type    = string
  default = "debian-12-amd64-*"
}

variable "source_owner" {
  type        = string
  default     = "136693071363"
  description = "Debian. Ubuntu (Canonical): 099720109477; Rocky Linux: 792107900819."
}

variable "ssh_username" {
  type    = string
  default = "admin"
}

locals {
  file = "/tmp/${basename(var.package)}"
  # A configuration that an earlier step wrote stays.
  deb = "apt-get install -y -o Dpkg::Options::=--force-confold ${local.file}"
  # On the RHEL family a service is enabled by whoever wants it.
  rpm = "dnf install -y ${local.file} && systemctl enable eni-routed.service"
}

source "amazon-ebs" "image" {
  region        = var.region
  instance_type = var.instance_type
  ssh_username  = var.ssh_username
  ami_name      = "eni-routed-{{timestamp}}"

  source_ami_filter {
    most_recent = true
    owners      = [var.source_owner]
    filters = {
      name                = var.source_name
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }
}

build {
  sources = ["source.amazon-ebs.image"]

  provisioner "file" {
    source      = var.package
    destination = local.file
  }

  provisioner "shell" {
    execute_command = "sudo sh -c '{{ .Vars }} {{ .Path }}'"
    inline = [
      can(regex("\\.rpm$", var.package)) ? local.rpm : local.deb,
      "rm ${local.file}",
      "eni-routed --version",
      "eni-routed check",
    ]
  }
}
