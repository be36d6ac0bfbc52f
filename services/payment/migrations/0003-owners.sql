-- The service that charged; '' for the order service.
ALTER TABLE payment_list ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE INDEX payment_list_by_owner ON payment_list (generation, owner, id);
