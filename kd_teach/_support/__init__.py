"""What every room leans on: errors, progress bars, files and where shipped things lie. It imports none of them."""
