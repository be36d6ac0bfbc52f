-- A database for each service, which only its own user may open: psql -f deploy/kubernetes/databases.sql, as a user that may
-- create roles and databases. Then set the passwords, as in docs/kubernetes.md. A service has one line in each of the first
-- three parts. It may be applied again, for a new service: what is there stays, and psql reports that it already exists.

CREATE ROLE mesh_inventory LOGIN;
CREATE ROLE mesh_notification LOGIN;
CREATE ROLE mesh_ops LOGIN;
CREATE ROLE mesh_order LOGIN;
CREATE ROLE mesh_payment LOGIN;
CREATE ROLE mesh_report LOGIN;
CREATE ROLE mesh_shipping LOGIN;
CREATE ROLE mesh_user LOGIN;

CREATE DATABASE mesh_inventory OWNER mesh_inventory;
CREATE DATABASE mesh_notification OWNER mesh_notification;
CREATE DATABASE mesh_ops OWNER mesh_ops;
CREATE DATABASE mesh_order OWNER mesh_order;
CREATE DATABASE mesh_payment OWNER mesh_payment;
CREATE DATABASE mesh_report OWNER mesh_report;
CREATE DATABASE mesh_shipping OWNER mesh_shipping;
CREATE DATABASE mesh_user OWNER mesh_user;

REVOKE CONNECT, TEMPORARY ON DATABASE mesh_inventory FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE mesh_notification FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE mesh_ops FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE mesh_order FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE mesh_payment FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE mesh_report FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE mesh_shipping FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE mesh_user FROM PUBLIC;

-- The dead letters of tasks, which notification writes and ops shows. What either creates belongs to both.
CREATE ROLE mesh_tasks;
GRANT mesh_tasks TO mesh_notification, mesh_ops;
CREATE DATABASE mesh_tasks OWNER mesh_tasks;
REVOKE CONNECT, TEMPORARY ON DATABASE mesh_tasks FROM PUBLIC;
ALTER ROLE mesh_notification IN DATABASE mesh_tasks SET role = 'mesh_tasks';
ALTER ROLE mesh_ops IN DATABASE mesh_tasks SET role = 'mesh_tasks';

-- The simulated carrier of CARRIER_URL=embedded:
CREATE DATABASE mesh_carrier OWNER mesh_shipping;
REVOKE CONNECT, TEMPORARY ON DATABASE mesh_carrier FROM PUBLIC;
