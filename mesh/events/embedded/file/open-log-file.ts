import { MeshError } from '../../../errors/mesh-error.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import { logDamaged } from '../../errors.ts';
import { readCommitted } from './meta-rows.ts';
import { prepareSchema } from './prepare-schema.ts';
import { selectRecords } from './record.ts';
import { loadTopics, type Topics } from './topics.ts';

const smallTables = ['log_topic', 'log_partition', 'committed_offset'];

/**
 * Migrates the log in `file` to the current schema and reads its topics. Everything except the records is compared with
 * its checksum, and indexes with their tables. Throws DATA_LOSS `STORAGE_CORRUPT` if they differ.
 */
export async function openLogFile(storage: Storage, file: string, logger: Logger): Promise<Topics> {
  try {
    await prepareSchema(storage, logger);
    for (const table of smallTables) await checkTable(storage, file, table);
    await readCommitted(storage, file);
    await storage.query(`${selectRecords} LIMIT 0`);
    return await loadTopics(storage, file);
  } catch (error) {
    // The statements are correct, so any other error means that the schema is damaged.
    if (error instanceof Error && !(error instanceof MeshError))
      throw logDamaged({ file, problem: error.message }, { cause: error });
    throw error;
  }
}

async function checkTable(storage: Storage, file: string, table: string): Promise<void> {
  const [row] = await storage.query<{ integrity_check: string }>(`SELECT * FROM pragma_integrity_check('${table}')`);
  if (row?.integrity_check !== 'ok') throw logDamaged({ file, problem: `${table}: ${row?.integrity_check}` });
}
