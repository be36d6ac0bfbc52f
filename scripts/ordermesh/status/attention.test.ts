import { describe, expect, it } from 'vitest';
import { HealthStatus } from '#gen/ops/v1/health.ts';
import { Status } from '#gen/ops/v1/status.ts';
import { attentionOf } from './attention.ts';

const failure = (database: string) => `database ${database} cannot be used: connect ECONNREFUSED; start PostgreSQL`;

describe('attentionOf', () => {
  it('has one line for a server with the databases of several services', () => {
    const failing = (name: string, check: string, message: string) => ({
      name,
      status: HealthStatus.HEALTH_STATUS_NOT_SERVING,
      problems: [{ check, message }],
    });
    const status = Status.fromPartial({
      process: { database: 'postgres' },
      health: [
        failing('order.v1.OrderService', 'ordermesh.order', failure('127.0.0.1:5432/mesh_order')),
        failing('ordermesh.order', 'ordermesh.order', failure('127.0.0.1:5432/mesh_order')),
        failing('user.v1.UserService', 'ordermesh.user', failure('127.0.0.1:5432/mesh_user')),
        { name: 'ops.v1.StatusService', status: HealthStatus.HEALTH_STATUS_SERVING },
      ],
      unknown: [
        { part: 'outbox of order', message: failure('127.0.0.1:5432/mesh_order') },
        { part: 'dead letters', message: failure('127.0.0.1:5432/mesh_user') },
        { part: 'task queues', message: 'RabbitMQ is not connected' },
        { part: 'outbox of user', message: failure('db.internal/mesh_user') },
      ],
    });
    expect(attentionOf(status)).toEqual([
      `${failure('127.0.0.1:5432/…')} (not serving: order.v1.OrderService, ordermesh.order, user.v1.UserService, ordermesh.user; unknown: outbox of order, dead letters)`,
      'RabbitMQ is not connected (unknown: task queues)',
      `${failure('db.internal/mesh_user')} (unknown: outbox of user)`,
    ]);
  });
});
