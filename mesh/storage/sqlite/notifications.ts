import { realpathSync } from 'node:fs';
import { checkChannel, createListeners, type Listeners } from '../listeners.ts';
import type { Storage } from '../storage.ts';

/** The channels of one `Storage`. */
export interface Channels extends Pick<Storage, 'notify' | 'listen'> {
  /** Ends all listening. */
  close(): void;
}

// Shared by the process, which may have one file open more than once.
const listenersOfFile = new Map<string, Set<Listeners>>();

/** The channels of the database file at `path`. They reach everyone who has it open in this process, and no other process. */
export function openChannels(path: string): Channels {
  const file = realpathSync(path);
  const listeners = createListeners();
  const ofFile = listenersOfFile.get(file) ?? new Set();
  listenersOfFile.set(file, ofFile.add(listeners));
  return {
    notify(channel) {
      checkChannel(channel);
      for (const each of ofFile) each.call(channel);
    },
    listen(channel, listener) {
      checkChannel(channel);
      return listeners.add(channel, listener);
    },
    close() {
      listeners.close();
      if (ofFile.delete(listeners) && ofFile.size === 0) listenersOfFile.delete(file);
    },
  };
}
