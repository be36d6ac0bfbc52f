-- Nearly all reservations are committed and of the order service: only the others are listed by their state and their owner.
CREATE INDEX reservations_of_owners ON reservations (owner, order_id) WHERE owner <> '';
CREATE INDEX reservations_released ON reservations (order_id) WHERE state = 'RELEASED';
CREATE INDEX reservations_released_by_owner ON reservations (owner, order_id) WHERE state = 'RELEASED' AND owner <> '';
