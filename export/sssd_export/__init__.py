"""Building engines: ``sssd-export``, or :func:`sssd_export.request.export_model`. Running them is ``sssd_engine``'s."""
