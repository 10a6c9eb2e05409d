"""The command ``vot``: a tracker of ours as the VOT toolkit runs one."""
