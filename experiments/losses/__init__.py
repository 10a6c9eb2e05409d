"""The command ``losses``: what each loss does to easy and hard samples, as figures and one page."""
