"""Where managers read, tune, try and publish the policies of their workflows."""
