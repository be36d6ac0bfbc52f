-- The service that reserved; '' for the order service.
ALTER TABLE reservations ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE INDEX reservations_by_owner ON reservations (owner, order_id);
