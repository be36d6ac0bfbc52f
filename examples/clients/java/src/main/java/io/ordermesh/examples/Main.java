package io.ordermesh.examples;

import io.grpc.ManagedChannel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Calls a running mesh and prints one line for each behaviour in ../README.md. */
public final class Main {
  private interface Body {
    void run(Run run) throws Exception;
  }

  private record Behaviour(String name, Body body) {
    boolean needsCuts() {
      return name.endsWith("-resume");
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

  private Main() {}

  public static void main(String[] arguments) throws IOException {
    String address = environment("ADDRESS", "localhost:50051");
    String cutAddress = environment("CUT_ADDRESS", "");
    String config =
        Files.readString(Path.of(environment("SERVICE_CONFIG", "../../../gen/service-config/ordermesh.json")));
    ManagedChannel channel = Run.connect(address, config);
    ManagedChannel cut = Run.connect(cutAddress.isEmpty() ? address : cutAddress, config);
    Run run = new Run("java-" + Run.newUuid().substring(0, 13), config, address, channel, cut);
    boolean hasFailed = false;
    for (Behaviour behaviour : BEHAVIOURS) {
      if (behaviour.needsCuts() && cutAddress.isEmpty()) {
        System.out.printf("skipped %s: CUT_ADDRESS is not set%n", behaviour.name());
        continue;
      }
      try {
        behaviour.body().run(run);
        System.out.printf("ok %s%n", behaviour.name());
      } catch (Exception error) {
        hasFailed = true;
        System.out.printf("FAILED %s: %s%n", behaviour.name(), error);
      }
    }
    channel.shutdownNow();
    cut.shutdownNow();
    System.exit(hasFailed ? 1 : 0);
  }

  private static String environment(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }
}
