/**
 * Health names in addition to those of contracts and `''`. `''` serves while the databases of all services of the process
 * can be written: then it can keep what it accepts. Brokers have their own names, because outboxes hold back their messages.
 */

/** Serves as long as the process answers, even while it drains: for a liveness probe. */
export const processName = 'ordermesh.process';

/** Serves while the event log can be used. */
export const eventsName = 'ordermesh.events';

/** Serves while the task queue can be used. */
export const tasksName = 'ordermesh.tasks';
