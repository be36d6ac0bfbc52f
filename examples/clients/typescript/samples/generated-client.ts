// Reads a user with the package of `make clients-typescript`. Set the address to that of your mesh.
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { UserServiceClient } from 'ordermesh-clients/user/v1/user';

const [userId = 'ada'] = process.argv.slice(2);

const client = new UserServiceClient('user-service:50051', credentials.createInsecure());
const user = await promisify(client.getUser.bind(client))({ id: userId });
console.log(`${user.name} <${user.email}>`);
client.close();
