-- On PostgreSQL the version before may run at the same time, and needs them.
DROP INDEX orders_by_state;
DROP INDEX orders_by_user_and_state;
