"""What installs the product: units, images, scripts, the doctor."""
