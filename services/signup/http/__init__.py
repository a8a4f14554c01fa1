"""The public pages: plain forms that work without JavaScript."""
