import { defineService, type EventHandler, type ServiceDefinition, type SkipReason, skipEvent } from '#mesh';

/** A service with a consumer group that reads a topic. */
export interface ReaderService {
  readonly definition: ServiceDefinition;
  /** The values of the events that it applied, in order. */
  readonly applied: string[];
  /** Whether it ignores an event with this value. Default: none. */
  ignores: (value: string) => boolean;
  /** Why it skips an event with this value. Default: it skips none. */
  skips: (value: string) => SkipReason | undefined;
}

/** Creates the service: the group `readers` reads `notes`. */
export function createReaderService(): ReaderService {
  const applied: string[] = [];
  const handle: EventHandler['handle'] = async ({ value }) => {
    const text = Buffer.from(value).toString();
    const skipped = service.skips(text);
    if (skipped) return skipEvent(skipped, 'says the test');
    return service.ignores(text) ? undefined : async () => void applied.push(text);
  };
  const service: ReaderService = {
    applied,
    ignores: () => false,
    skips: () => undefined,
    definition: defineService({
      name: 'reader',
      migrations: [],
      topics: [{ name: 'notes' }],
      async setup({ run }) {
        await run.consumer({ group: 'readers', topics: ['notes'], handle });
        return { serves: [] };
      },
    }),
  };
  return service;
}
