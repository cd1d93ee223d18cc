"""An engine as a page that runs it in the browser."""
