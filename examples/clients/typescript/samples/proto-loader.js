// Reads a user without generated code, with the contracts of `make protos`. Set the address to that of your mesh.
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const [userId = 'ada'] = process.argv.slice(2);

const protos = fileURLToPath(new URL('../../../../dist/protos', import.meta.url));
const { user: packages } = loadPackageDefinition(loadSync('user/v1/user.proto', { includeDirs: [protos] }));

const client = new packages.v1.UserService('user-service:50051', credentials.createInsecure());
const user = await promisify(client.getUser.bind(client))({ id: userId });
console.log(`${user.name} <${user.email}>`);
client.close();
