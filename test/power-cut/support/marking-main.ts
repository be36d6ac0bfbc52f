import { startApp } from '../../../mesh/app/start-app.ts';
import { readConfig } from '../../../mesh/config/config.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import { observeRuntime } from '../../../mesh/testing/crashes/observe-runtime.ts';
import { onRuntime } from '../../../mesh/testing/test-service.ts';
import { allServices } from '../../../services/all.ts';
import { markJournal, markOperations } from './marks.ts';

// All services like services/main.ts. They write into the journal of the recorder where they could be killed.
const mark = markJournal(process.env.POWER_CUT_JOURNAL ?? '');
const services = allServices.map((service) =>
  onRuntime(service, (runtime) => observeRuntime(service.name, runtime, markOperations(service.name, mark))),
);
const config = readConfig(process.env, { settings: services.flatMap(({ settings }) => settings) });
const app = await startApp(config, services, createLogger(config.logLevel));
process.stdout.write(`ready grpc=${app.address} with marks\n`);
