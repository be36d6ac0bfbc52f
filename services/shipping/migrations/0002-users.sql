-- Who may see a shipment: the user on whose behalf it was requested. Empty: not known, as for all shipments before this.
ALTER TABLE shipments ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
