-- For lists of a user's orders in one state.
CREATE INDEX orders_by_user_and_state ON orders (user_id, state, id);
