/**
 * Health names beside those of contracts and `''`. `''` serves while the databases of all services of the process can be
 * written: then it accepts what it promises to finish. Brokers are names of their own, since outboxes hold back what is
 * meant for them.
 */

/** Serves as long as the process answers at all, also while it drains: for a probe that restarts what hangs. */
export const processName = 'ordermesh.process';

/** Serves while the event log can be used. */
export const eventsName = 'ordermesh.events';

/** Serves while the task queue can be used. */
export const tasksName = 'ordermesh.tasks';
