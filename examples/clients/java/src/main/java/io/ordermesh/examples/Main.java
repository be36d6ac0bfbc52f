package io.ordermesh.examples;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.grpc.Context;
import io.grpc.ManagedChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;

/** Calls a running mesh and prints one line for each behaviour in ../README.md. */
public final class Main {
  /** For streams that would otherwise never end if something is wrong. */
  private static final int TIMEOUT_S = 60;

  private interface Body {
    void run(Run run) throws Exception;
  }

  private record Behaviour(String name, Body body) {
    boolean needsCuts() {
      return name.endsWith("-resume");
    }

    /** All its calls have the deadline of their context. */
    void run(Run run, ScheduledExecutorService timer) throws Exception {
      try (Context.CancellableContext context = Context.current().withDeadlineAfter(TIMEOUT_S, SECONDS, timer)) {
        context.call(
            () -> {
              body.run(run);
              return null;
            });
      }
    }
  }

  private static final List<Behaviour> BEHAVIOURS =
      List.of(
          new Behaviour("create-user", Services::createUser),
          new Behaviour("import-1000", Services::importUsers),
          new Behaviour("list-resume", Services::listUsers),
          new Behaviour("place-and-watch", Services::placeAndWatch),
          new Behaviour("bad-request", Protocol::badRequest),
          new Behaviour("error-info", Protocol::errorInfo),
          new Behaviour("deadline", Protocol::deadline),
          new Behaviour("cancel", Protocol::cancel),
          new Behaviour("health", Protocol::health),
          new Behaviour("reflection-v1", Protocol::reflectionV1),
          new Behaviour("reflection-v1alpha", Protocol::reflectionV1Alpha),
          new Behaviour("subscribe-resume", Services::subscribe),
          new Behaviour("service-config", Protocol::serviceConfig));

  private static final List<Behaviour> CREDENTIAL_BEHAVIOURS =
      List.of(
          new Behaviour("certificate-and-token", Credentials::certificateAndToken),
          new Behaviour("no-token", Credentials::noToken),
          new Behaviour("other-ca", Credentials::otherCa),
          new Behaviour("other-user", Credentials::otherUser));

  private Main() {}

  public static void main(String[] arguments) throws Exception {
    String address = environment("ADDRESS", "localhost:50051");
    String cutAddress = environment("CUT_ADDRESS", "");
    String config =
        Files.readString(Path.of(environment("SERVICE_CONFIG", "../../../gen/service-config/ordermesh.json")));
    ManagedChannel channel = Run.connect(address, config);
    ManagedChannel cut = Run.connect(cutAddress.isEmpty() ? address : cutAddress, config);
    Run run = new Run("java-" + Run.newUuid().substring(0, 13), config, address, channel, cut);
    ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    boolean hasFailed = false;
    boolean showsCredentials = arguments.length > 0 && arguments[0].equals("credentials");
    for (Behaviour behaviour : showsCredentials ? CREDENTIAL_BEHAVIOURS : BEHAVIOURS) {
      if (behaviour.needsCuts() && cutAddress.isEmpty()) {
        System.out.printf("skipped %s: CUT_ADDRESS is not set%n", behaviour.name());
        continue;
      }
      try {
        behaviour.run(run, timer);
        System.out.printf("ok %s%n", behaviour.name());
      } catch (Exception error) {
        hasFailed = true;
        System.out.printf("FAILED %s: %s%n", behaviour.name(), error);
      }
    }
    channel.shutdownNow();
    cut.shutdownNow();
    timer.shutdownNow();
    System.exit(hasFailed ? 1 : 0);
  }

  private static String environment(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }
}
