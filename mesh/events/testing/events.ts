import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { openEmbeddedTasks } from '../../tasks/embedded/embedded-tasks.ts';
import type { TaskQueue } from '../../tasks/task-queue.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { openEmbeddedLog } from '../embedded/embedded-log.ts';
import type { DomainEvent } from '../log/envelope.ts';
import type { EventLog } from '../log/event-log.ts';

/** What outbox and consumer stand between, for one test. */
export interface EventParts {
  readonly url: string;
  readonly storage: Storage;
  readonly events: EventLog;
  readonly tasks: TaskQueue;
  close(): Promise<void>;
}

export const silent = createLogger('silent');

/** Opens real parts: the database of `url`, an embedded log and an embedded queue in a folder of their own. */
export async function openEventParts(url: string, clock: Clock = systemClock): Promise<EventParts> {
  const folder = await tempFolder();
  const storage = await openStorage(url);
  const events = await openEmbeddedLog(join(folder.path, 'events.db'), { clock, logger: silent });
  const tasks = await openEmbeddedTasks(join(folder.path, 'tasks.db'), { clock, logger: silent });
  return {
    url,
    storage,
    events,
    tasks,
    async close() {
      await events.close();
      await tasks.close();
      await storage.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** How a log or a storage that is out of reach answers. */
export function outOfReach(): MeshError {
  return new MeshError(Status.UNAVAILABLE, 'EVENTS_UNAVAILABLE', 'cut off by the test');
}

/** The event that made version `version` of an aggregate. */
export function versionEvent(topic: string, key: string, version: number): DomainEvent {
  return { topic, key, type: 'CHANGED', version: BigInt(version), timeMs: Date.now(), json: { key, version } };
}
