-- For lists of reservations in one state, of any owner or of one.
CREATE INDEX reservations_by_state ON reservations (state, order_id);
CREATE INDEX reservations_by_owner_and_state ON reservations (owner, state, order_id);
