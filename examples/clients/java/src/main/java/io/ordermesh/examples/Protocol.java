package io.ordermesh.examples;

import static io.ordermesh.examples.Run.check;
import static io.ordermesh.examples.Run.newUuid;
import static java.util.concurrent.TimeUnit.MILLISECONDS;

import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.StreamObserver;
import io.ordermesh.calls.Calls;
import io.ordermesh.events.v1.EventRecord;
import io.ordermesh.events.v1.EventServiceGrpc;
import io.ordermesh.events.v1.Start;
import io.ordermesh.events.v1.SubscribeRequest;
import io.ordermesh.user.v1.CreateUserRequest;
import io.ordermesh.user.v1.GetUserRequest;
import io.ordermesh.user.v1.User;
import io.ordermesh.user.v1.UserServiceGrpc;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** Errors, deadlines and cancellation, health, reflection and the service config. */
final class Protocol {
  private static final String USER_SERVICE = "user.v1.UserService";

  private Protocol() {}

  static void badRequest(Run run) {
    User user = User.newBuilder().setId("not an id").setName("Ada").setEmail("nobody").build();
    CreateUserRequest request = CreateUserRequest.newBuilder().setRequestId(newUuid()).setUser(user).build();
    Calls.Details details = Calls.detailsOf(errorOf(() -> run.users().createUser(request)));
    List<String> fields = details.violations.stream().map(violation -> violation.field).toList();
    check(
        details.code == Code.INVALID_ARGUMENT && fields.equals(List.of("user.id", "user.email")),
        "got " + details.code + " for the fields " + fields);
  }

  static void errorInfo(Run run) {
    String unknown = run.id() + "-unknown";
    Calls.Details details = Calls.detailsOf(errorOf(() -> run.users().getUser(userWith(unknown))));
    check(
        details.reason.equals("USER_NOT_FOUND") && unknown.equals(details.metadata.get("id")),
        "got " + details.code + " " + details.text + " " + details.reason + " " + details.metadata);
  }

  static void deadline(Run run) {
    // A topic never ends by itself.
    SubscribeRequest request = SubscribeRequest.newBuilder().setTopic("order.events").build();
    Iterator<EventRecord> events =
        EventServiceGrpc.newBlockingStub(run.channel()).withDeadlineAfter(300, MILLISECONDS).subscribe(request);
    checkCode(errorOf(() -> events.forEachRemaining(event -> {})), Code.DEADLINE_EXCEEDED);
  }

  static void cancel(Run run) throws Exception {
    SubscribeRequest request =
        SubscribeRequest.newBuilder().setTopic("user.events").setStart(Start.START_BEGINNING).build();
    // A blocking stub has no method to cancel a call: it is cancelled with the context in which it was made.
    try (Context.CancellableContext context = Context.current().withCancellation()) {
      Iterator<EventRecord> events =
          context.call(() -> EventServiceGrpc.newBlockingStub(run.channel()).subscribe(request));
      events.next();
      context.cancel(null);
      checkCode(errorOf(() -> events.forEachRemaining(event -> {})), Code.CANCELLED);
    }
  }

  static void health(Run run) {
    HealthGrpc.HealthBlockingStub client = HealthGrpc.newBlockingStub(run.channel());
    Function<String, ServingStatus> status =
        service -> client.check(HealthCheckRequest.newBuilder().setService(service).build()).getStatus();
    for (String service : List.of("", USER_SERVICE)) {
      check(status.apply(service) == ServingStatus.SERVING, "'" + service + "' is " + status.apply(service));
    }
    checkCode(errorOf(() -> status.apply("unknown")), Code.NOT_FOUND);
  }

  static void reflectionV1(Run run) throws Exception {
    CompletableFuture<io.grpc.reflection.v1.ServerReflectionResponse> response = new CompletableFuture<>();
    StreamObserver<io.grpc.reflection.v1.ServerReflectionRequest> requests =
        io.grpc.reflection.v1.ServerReflectionGrpc.newStub(run.channel())
            .serverReflectionInfo(new Result<>(response));
    requests.onNext(io.grpc.reflection.v1.ServerReflectionRequest.newBuilder().setListServices("").build());
    requests.onCompleted();
    checkListed(
        response.get().getListServicesResponse().getServiceList().stream().map(service -> service.getName()).toList());
  }

  static void reflectionV1Alpha(Run run) throws Exception {
    CompletableFuture<io.grpc.reflection.v1alpha.ServerReflectionResponse> response = new CompletableFuture<>();
    StreamObserver<io.grpc.reflection.v1alpha.ServerReflectionRequest> requests =
        io.grpc.reflection.v1alpha.ServerReflectionGrpc.newStub(run.channel())
            .serverReflectionInfo(new Result<>(response));
    requests.onNext(io.grpc.reflection.v1alpha.ServerReflectionRequest.newBuilder().setListServices("").build());
    requests.onCompleted();
    checkListed(
        response.get().getListServicesResponse().getServiceList().stream().map(service -> service.getName()).toList());
  }

  /** Makes a call without a deadline on a channel whose config allows next to no time. */
  static void serviceConfig(Run run) {
    run.users().getUser(userWith(run.id()));
    String shortTimeouts = run.config().replaceAll("\"timeout\": \"[^\"]*\"", "\"timeout\": \"0.001s\"");
    ManagedChannel channel = Run.connect(run.address(), shortTimeouts);
    try {
      UserServiceGrpc.UserServiceBlockingStub users = UserServiceGrpc.newBlockingStub(channel);
      checkCode(errorOf(() -> users.getUser(userWith(run.id()))), Code.DEADLINE_EXCEEDED);
    } finally {
      channel.shutdownNow();
    }
  }

  private static GetUserRequest userWith(String id) {
    return GetUserRequest.newBuilder().setId(id).build();
  }

  private static StatusRuntimeException errorOf(Runnable call) {
    try {
      call.run();
    } catch (StatusRuntimeException error) {
      return error;
    }
    throw new IllegalStateException("the call did not fail");
  }

  private static void checkCode(StatusRuntimeException error, Code expected) {
    check(error.getStatus().getCode() == expected, "got " + error.getStatus() + ", not " + expected);
  }

  private static void checkListed(List<String> names) {
    check(names.contains(USER_SERVICE), "reflection lists " + names);
  }
}
