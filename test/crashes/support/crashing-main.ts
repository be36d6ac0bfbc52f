import { startApp } from '../../../mesh/app/start-app.ts';
import { readConfig } from '../../../mesh/config/config.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import { allServicesWith, type ServiceName } from '../../support/all-services.ts';
import { type CrashPoint, crashAt, crashPointVariable } from './crash-point.ts';

// The services of the arguments, by default all, like services/main.ts, but the process dies at a crash point.
const point = process.env[crashPointVariable] as CrashPoint;
const [, service] = point.split(' ');
let serves = false;
const names = process.argv.slice(2);
const services = allServicesWith(service as ServiceName, (runtime) => crashAt(point, runtime, () => serves)).filter(
  ({ name }) => names.length === 0 || names.includes(name),
);
const config = readConfig(process.env, { settings: services.flatMap(({ settings }) => settings) });
const app = await startApp(config, services, createLogger(config.logLevel));
serves = true;
process.stdout.write(`ready grpc=${app.address} to die ${point}\n`);
