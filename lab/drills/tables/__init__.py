"""The drills by subject, a table each: what each breaks, what must hold, and within what limit. lab/drills/scenes.py has them all."""
