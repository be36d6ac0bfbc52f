import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;

/** A Eureka server. Its settings are arguments: --server.port=8761. */
@EnableAutoConfiguration
@EnableEurekaServer
public class EurekaServer {
  public static void main(String[] arguments) {
    SpringApplication.run(EurekaServer.class, arguments);
  }
}
