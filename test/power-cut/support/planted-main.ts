import { startApp } from '../../../mesh/app/start-app.ts';
import { readConfig } from '../../../mesh/config/config.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import { allServicesWith, type ServiceName } from '../../support/all-services.ts';
import { type PlantedBug, plantBug, plantedBugVariable } from './planted-bug.ts';

// All services like services/main.ts, but the database of one has a bug.
const [bug = '', service = '', lateMs] = (process.env[plantedBugVariable] ?? '').split(' ');
const services = allServicesWith(service as ServiceName, (runtime) =>
  plantBug(bug as PlantedBug, Number(lateMs), runtime),
);
const config = readConfig(process.env, { settings: services.flatMap(({ settings }) => settings) });
const app = await startApp(config, services, createLogger(config.logLevel));
process.stdout.write(`ready grpc=${app.address} with the bug ${bug} of ${service}\n`);
