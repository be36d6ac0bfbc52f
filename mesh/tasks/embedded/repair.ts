import { notDamaged } from '../../storage/errors.ts';
import { openStorage } from '../../storage/open.ts';
import { type DamagedTask, listDamaged, prepareTasks } from './damaged-tasks.ts';

/** The queue of a stopped process. */
export interface QueueRepair extends AsyncDisposable {
  /** Returns the damaged tasks that nobody has discarded, oldest first. */
  damage(): Promise<DamagedTask[]>;
  /** Discards a damaged task. Its row stays in `damaged_task`. Throws NOT_FOUND `NOT_DAMAGED` if there is none. */
  skip(seq: bigint, note: string): Promise<void>;
}

/** Opens the queue in `file` for repair and verifies all of it. No other process may have it open. */
export async function openQueueRepair(file: string): Promise<QueueRepair> {
  const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
  try {
    await prepareTasks(storage, file);
  } catch (error) {
    await storage.close();
    throw error;
  }
  return {
    damage: () => listDamaged(storage),
    async skip(seq, note) {
      const sql = 'UPDATE damaged_task SET note = $2 WHERE seq = $1 AND note IS NULL';
      if ((await storage.execute(sql, [seq, note])) === 0) throw notDamaged({ file, place: `task/${seq}` });
    },
    [Symbol.asyncDispose]: () => storage.close(),
  };
}
