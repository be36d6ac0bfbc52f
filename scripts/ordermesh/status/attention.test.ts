import { describe, expect, it } from 'vitest';
import { HealthStatus } from '#gen/ops/v1/health.ts';
import { Status } from '#gen/ops/v1/status.ts';
import { attentionOf } from './attention.ts';

const failure = (database: string) => `database ${database} cannot be used: connect ECONNREFUSED; start PostgreSQL`;

describe('attentionOf', () => {
  it('has a line for skipped events that an operator can get applied', () => {
    const skipped = { service: 'report', group: 'report-service', topic: 'order.events' };
    const status = Status.fromPartial({
      skippedEvents: [
        { ...skipped, reason: 'unknown-type', count: 1n },
        { ...skipped, reason: 'incomplete', count: 2n },
        { ...skipped, reason: 'too-old', count: 3n },
      ],
    });
    expect(attentionOf(status, 0)).toEqual([
      'group report-service skipped 1 event of order.events of an unknown type: update the service report, then "make replay GROUP=report-service"',
      'group report-service skipped 3 events of order.events because it started over: see "A group that starts over" in docs/operating.md',
    ]);
  });

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
    expect(attentionOf(status, 0)).toEqual([
      `${failure('127.0.0.1:5432/…')} (not serving: order.v1.OrderService, user.v1.UserService, ordermesh.order, ordermesh.user; unknown: outbox of order, dead letters)`,
      'RabbitMQ is not connected (unknown: task queues)',
      `${failure('db.internal/mesh_user')} (unknown: outbox of user)`,
    ]);
  });

  describe('of many processes', () => {
    const lost = 'RabbitMQ is not connected: read ECONNRESET; check that it runs';
    const refused = 'RabbitMQ is not connected: connect ECONNREFUSED 127.0.0.1:5672; check that it runs';
    const notServing = (name: string, message: string) => ({
      name,
      status: HealthStatus.HEALTH_STATUS_NOT_SERVING,
      problems: [{ check: 'ordermesh.tasks', message }],
    });
    const names = ['user', 'order', 'mail', 'mail', 'gift', 'gift'];
    const instances = names.map((name, index) => ({
      name,
      address: `127.0.0.1:${index}`,
      health: [
        notServing('ordermesh.tasks', index === 0 ? lost : refused),
        ...(name === 'mail' ? [notServing('mail.v1.MailService', refused)] : []),
      ],
    }));

    it('has one line for a broker that is away, with the services of the processes that need it', () => {
      const unknown = [{ part: 'task queues', message: refused, instance: 'mail@127.0.0.1:2' }];
      const all = Status.fromPartial({ health: [notServing('ordermesh.tasks', lost)], instances, unknown });
      const effects = 'not serving: mail.v1.MailService, ordermesh.tasks; unknown: task queues';
      expect(attentionOf(all, 0)).toEqual([`${lost} (${effects}; in all 7 processes)`]);
      const most = Status.fromPartial({ instances, unknown });
      expect(attentionOf(most, 0)).toEqual([`${lost} (${effects}; in 6 of 7 processes: user, order, mail, gift)`]);
    });

    it('begins with the processes that did not answer, followed by what ends the most contracts', () => {
      const full = 'disk is full';
      const status = Status.fromPartial({
        unknown: [
          { part: 'disk', message: full, instance: 'user@127.0.0.1:0' },
          {
            part: 'process',
            message: 'order@127.0.0.1:9 did not answer: no answer in time',
            instance: 'order@127.0.0.1:9',
          },
        ],
        instances: instances.slice(0, 3),
      });
      expect(attentionOf(status, 0)).toEqual([
        'order@127.0.0.1:9 did not answer: no answer in time',
        expect.stringMatching(/^RabbitMQ .*in user@127.0.0.1:0, order@127.0.0.1:1, mail@127.0.0.1:2\)$/),
        `${full} (unknown: disk; in user@127.0.0.1:0)`,
      ]);
    });
  });

  it('has a line for work that keeps failing, with its last error', () => {
    const status = Status.fromPartial({
      failing: [
        {
          part: 'saga place-order, step create-shipment',
          waiting: 3n,
          sinceTime: new Date(5_000),
          lastError: 'CARRIER_UNAVAILABLE: carrier cannot be reached',
        },
      ],
    });
    expect(attentionOf(status, 40_000)).toEqual([
      'saga place-order, step create-shipment: has failed for 35 s (3 waiting) and is retried: CARRIER_UNAVAILABLE: carrier cannot be reached',
    ]);
  });
});
