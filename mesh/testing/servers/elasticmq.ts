import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { tempFolder } from '../temp-folder.ts';
import { freePort } from './free-port.ts';
import { type RestartableServer, restartable } from './restartable.ts';
import { describeWithServer, type TestServer } from './servers.ts';

/** An ElasticMQ server, which has the protocol of Amazon SQS. It keeps queues and messages when it is killed. */
export interface ElasticmqServer extends RestartableServer {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
}

const folder = fileURLToPath(new URL('../../../.tools/elasticmq', import.meta.url));

/** ElasticMQ, with `libs` in `.tools/elasticmq`. */
const elasticmq: TestServer = { name: 'ElasticMQ', version: installedVersion() };

/** Credentials for the client, which needs some; ElasticMQ does not check them. */
export const testCredentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

/**
 * A suite that needs ElasticMQ. Only `make verify-polyglot` installs and runs it: a start takes 10 s and more. Other runs skip
 * the suite.
 */
export function describeWithElasticmq(title: string, suite: () => void): void {
  if (process.env.VERIFY_POLYGLOT === '1') describeWithServer(elasticmq, title, suite);
  else describe.skip(`${title}, with make verify-polyglot`, suite);
}

/** Starts a server on a free port. */
export async function startElasticmq(): Promise<ElasticmqServer> {
  const temp = await tempFolder();
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const endpoint = `http://${address}`;
  const file = join(temp.path, 'elasticmq.conf');
  await writeFile(file, configuration(port, temp.path));
  const quickStart = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx200m'];
  const main = [`-Dconfig.file=${file}`, '-cp', `${folder}/libs/*`, 'org.elasticmq.server.Main'];
  const server = await restartable({
    command: ['java', ...quickStart, ...main],
    address,
    folder: temp,
    log: join(temp.path, 'elasticmq.log'),
    startTimeoutMs: 120_000,
    async isReady() {
      const answer = await fetch(`${endpoint}/?Action=ListQueues`);
      await answer.text();
    },
  });
  return { ...server, port, endpoint };
}

function configuration(port: number, path: string): string {
  return `include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = ${port}, context-path = "" }
rest-sqs { enabled = true, bind-hostname = "127.0.0.1", bind-port = ${port}, sqs-limits = strict }
rest-stats.enabled = false
queues-storage { enabled = true, path = "${path}/queues.conf" }
messages-storage { enabled = true, driver-class = "org.h2.Driver", uri = "jdbc:h2:${path}/messages", username = "", password = "" }
`;
}

// scripts/deps/maven.sh copies the pom last, so it shows a complete installation.
function installedVersion(): string | undefined {
  if (!existsSync(join(folder, 'pom.xml'))) return undefined;
  const versions = readdirSync(join(folder, 'libs')).map(
    (file) => /^elasticmq-server_[\d.]+-([\d.]+)\.jar$/.exec(file)?.[1],
  );
  return versions.find((version) => version !== undefined);
}
