-- A state is changed four times by an order that completes, and nearly all complete: only the others are listed by their state.
CREATE INDEX orders_not_completed ON orders (state, id) WHERE state <> 'COMPLETED';
-- What turned back may be rare among a user's orders. What is in progress is few, and is found among all that are.
CREATE INDEX orders_turned_back_by_user ON orders (user_id, state, id) WHERE state IN ('FAILED', 'CANCELLED');
