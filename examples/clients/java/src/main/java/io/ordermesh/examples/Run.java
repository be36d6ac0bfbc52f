package io.ordermesh.examples;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.ordermesh.user.v1.UserServiceGrpc;
import io.ordermesh.user.v1.UserServiceGrpc.UserServiceBlockingStub;
import java.util.Map;
import java.util.UUID;

/**
 * What the behaviours share.
 *
 * @param id ids of this run begin with it
 * @param cut through a proxy that cuts connections, if there is one
 */
record Run(String id, String config, String address, ManagedChannel channel, ManagedChannel cut) {

  UserServiceBlockingStub users() {
    return UserServiceGrpc.newBlockingStub(channel);
  }

  /** Returns a channel with the deadlines and retries of the contracts. */
  static ManagedChannel connect(String address, String config) {
    Map<String, ?> parsed = new Gson().fromJson(config, new TypeToken<Map<String, ?>>() {});
    return Grpc.newChannelBuilder(address, InsecureChannelCredentials.create()).defaultServiceConfig(parsed).build();
  }

  static String newUuid() {
    return UUID.randomUUID().toString();
  }

  static void check(boolean isRight, String problem) {
    if (!isRight) throw new IllegalStateException(problem);
  }
}
