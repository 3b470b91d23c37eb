"""The refund bot: pays small refunds at once, and takes back what a reviewer reverts."""
