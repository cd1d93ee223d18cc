"""``sssd new-plugin``: a complete distribution with a working example, its tests and a README.

The folders beside this file hold the templates; DISTRIBUTION and MODULE in them are filled in.
"""
