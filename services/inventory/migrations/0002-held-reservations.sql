-- What is held now, found without reading all that ever was.
CREATE INDEX reservations_held ON reservations (order_id) WHERE state = 'RESERVED';
