-- On PostgreSQL the version before may run at the same time, and needs them.
DROP INDEX reservations_by_state;
DROP INDEX reservations_by_owner_and_state;
DROP INDEX reservations_by_owner;
