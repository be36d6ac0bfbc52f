import { rmSync } from 'node:fs';
import { join } from 'node:path';

// services/main.ts, whose mail folder is removed as soon as it serves.
await import('../../../services/main.ts');
rmSync(join(process.env.DATA_DIR ?? '', 'mail'), { recursive: true });
