import {
  createDeadLetterStore,
  createSagaEngine,
  type DeadLetter,
  MeshError,
  type ServiceDefinition,
  Status,
  saga,
  uuidv7,
} from '#mesh';
import { testService } from '#mesh/testing';

/** What a dead event consists of, if it is not the usual one. */
export type DeadContent = Partial<Pick<DeadLetter, 'payload' | 'headers' | 'error'>>;

/** A service in which sagas, events and tasks get stuck until it is healed. */
export interface StuckService {
  readonly definition: ServiceDefinition;
  healed: boolean;
  /** The keys of the events that were redriven successfully. */
  readonly handledEvents: string[];
  /** Their headers. */
  readonly handledHeaders: DeadLetter['headers'][];
  /** The ids of the tasks that were redriven successfully. */
  readonly doneTasks: string[];
  /** Begins a saga whose second step is refused, and whose first step cannot be undone. */
  beginSaga(id: string): Promise<void>;
  /** Adds the dead letter of an event and resolves with its id. */
  addDeadEvent(key: string, origin?: string, content?: DeadContent): Promise<string>;
}

/** Creates the service, with a worker of the queue `jobs` that fails every task immediately. */
export function createStuckService(): StuckService {
  const handledEvents: string[] = [];
  const handledHeaders: DeadLetter['headers'][] = [];
  const doneTasks: string[] = [];
  const notBuilt = () => Promise.reject(new Error('the service is not built yet'));
  const service: StuckService = {
    healed: false,
    handledEvents,
    handledHeaders,
    doneTasks,
    beginSaga: notBuilt,
    addDeadEvent: notBuilt,
    definition: testService('stuck', async (runtime) => {
      const { clock, logger, tasks } = runtime;
      const storage = await runtime.openStorage('stuck');
      const deadLetters = await createDeadLetterStore(storage, { clock });
      const shipIt = defineShipIt(() => service.healed);
      const sagas = await createSagaEngine({ storage, definitions: [shipIt], service: 'stuck', clock, logger });
      service.beginSaga = (id) => storage.transaction((tx) => sagas.begin(tx, shipIt, { id, data: {} }));
      service.addDeadEvent = (subjectId, origin = 'order.events/stuck', content = {}) =>
        storage.transaction((tx) => deadLetters.add(tx, { ...deadEvent, origin, subjectId, ...content }));
      await tasks.work({
        queue: 'jobs',
        retryDelaysMs: [],
        handle: async (task) => {
          if (!service.healed) throw new Error('the mail server is away');
          doneTasks.push(task.id);
        },
      });
      const deadEvents = deadLetters.queue('event', async ({ subjectId, headers }) => async () => {
        if (!service.healed) throw new Error('still no template');
        handledEvents.push(subjectId);
        handledHeaders.push(headers);
      });
      return { sagas: [sagas], deadLetters: [deadEvents], start: sagas.start, stop: sagas.stop };
    }),
  };
  return service;
}

function defineShipIt(isHealed: () => boolean) {
  const refuse = (what: string) => new MeshError(Status.FAILED_PRECONDITION, 'REFUSED', `${what} was refused`);
  return saga('ship-it', 1)
    .step('charge', {
      run: async () => undefined,
      undo: async () => {
        if (!isHealed()) throw refuse('the refund');
      },
    })
    .step('ship', { run: () => Promise.reject(refuse('the shipment')) });
}

const deadEvent = {
  source: 'event',
  reason: 'HANDLER_FAILED',
  error: 'no template',
  attempts: 5,
  payload: Buffer.from('{}'),
  headers: { ce_type: 'ORDER_PLACED', ce_id: uuidv7() },
  firstTimeMs: 1_700_000_000_000,
  lastTimeMs: 1_700_000_001_000,
} as const;
