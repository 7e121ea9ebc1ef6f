"""Access to the outside: callbacks, certificates, files, JSON Schema. One module per external resource."""
