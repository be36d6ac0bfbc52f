package io.ordermesh.examples;

import static io.ordermesh.examples.Run.check;

import io.grpc.ClientInterceptor;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import io.ordermesh.order.v1.GetOrderRequest;
import io.ordermesh.order.v1.OrderServiceGrpc;
import io.ordermesh.user.v1.GetUserRequest;
import io.ordermesh.user.v1.User;
import io.ordermesh.user.v1.UserServiceGrpc;
import java.io.File;
import java.io.IOException;

/** Calls a mesh with a certificate and a token, and shows how it refuses wrong ones. */
final class Credentials {
  private Credentials() {}

  /**
   * Returns a channel over TLS to a mesh whose certificate the CA has signed, which sends the token with each call. The program
   * has a certificate of its own, with the files TLS_CERT and TLS_KEY: a key in PKCS#8, as `make certs` writes it.
   */
  static ManagedChannel connect(String address, String caFile, String token) throws IOException {
    TlsChannelCredentials.Builder tls =
        TlsChannelCredentials.newBuilder()
            .trustManager(new File(caFile))
            .keyManager(new File(variable("TLS_CERT")), new File(variable("TLS_KEY")));
    ManagedChannelBuilder<?> channel = Grpc.newChannelBuilder(address, tls.build());
    return (token.isEmpty() ? channel : channel.intercept(bearer(token))).build();
  }

  private static ClientInterceptor bearer(String token) {
    Metadata headers = new Metadata();
    headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
    return MetadataUtils.newAttachHeadersInterceptor(headers);
  }

  static void certificateAndToken(Run run) throws IOException {
    ManagedChannel channel = connect(run.address(), variable("TLS_CA"), variable("ORDERMESH_TOKEN"));
    User user = getUser(channel);
    channel.shutdownNow();
    check(user.getId().equals(variable("USER_ID")), "got " + user);
  }

  static void noToken(Run run) throws IOException {
    ManagedChannel channel = connect(run.address(), variable("TLS_CA"), "");
    expectCode(() -> getUser(channel), Code.UNAUTHENTICATED);
    channel.shutdownNow();
  }

  static void otherCa(Run run) throws IOException {
    ManagedChannel channel = connect(run.address(), variable("OTHER_CA"), variable("ORDERMESH_TOKEN"));
    expectCode(() -> getUser(channel), Code.UNAVAILABLE);
    channel.shutdownNow();
  }

  static void otherUser(Run run) throws IOException {
    ManagedChannel channel = connect(run.address(), variable("TLS_CA"), variable("ORDERMESH_TOKEN"));
    GetOrderRequest request = GetOrderRequest.newBuilder().setId(variable("OTHER_ORDER")).build();
    expectCode(() -> OrderServiceGrpc.newBlockingStub(channel).getOrder(request), Code.PERMISSION_DENIED);
    channel.shutdownNow();
  }

  private static User getUser(ManagedChannel channel) {
    return UserServiceGrpc.newBlockingStub(channel)
        .getUser(GetUserRequest.newBuilder().setId(variable("USER_ID")).build());
  }

  private static void expectCode(Runnable call, Code expected) {
    try {
      call.run();
    } catch (StatusRuntimeException error) {
      check(error.getStatus().getCode() == expected, "got " + error.getStatus() + ", not " + expected);
      return;
    }
    throw new IllegalStateException("the call succeeded");
  }

  private static String variable(String name) {
    String value = System.getenv(name);
    if (value == null) throw new IllegalStateException(name + " is not set");
    return value;
  }
}
