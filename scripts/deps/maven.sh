#!/bin/sh
# Downloads jars from Maven into .tools. `maven.sh kafka`: Kafka. `maven.sh eureka`: a Eureka server. `maven.sh elasticmq`:
# ElasticMQ, a server with the protocol of Amazon SQS. `maven.sh grpc-java`: grpc-java's interop client and server with
# their contracts. Maven verifies checksums. The copied poms record which jars
# are installed.
set -eu
cd "$(dirname "$0")/../.."

# same <folder>: checks whether the jars match the pom in scripts.
same() {
  cmp -s "scripts/$1/pom.xml" ".tools/$1/pom.xml"
}

# jars <folder>
jars() {
  rm -rf ".tools/$1"
  mvn -q -B -f "scripts/$1/pom.xml" dependency:copy-dependencies -DoutputDirectory="$PWD/.tools/$1/libs"
}

if [ "$1" = kafka ]; then
  if ! same kafka; then
    jars kafka
    cp scripts/kafka/pom.xml .tools/kafka/pom.xml
  fi
  ls .tools/kafka/libs | sed -n 's/^kafka_.*-\([0-9.]*\)\.jar$/deps: Kafka \1/p'
  exit
fi

if [ "$1" = eureka ]; then
  if ! same eureka; then
    jars eureka
    javac -d .tools/eureka/classes -cp "$PWD/.tools/eureka/libs/*" scripts/eureka/EurekaServer.java
    jar --create --file .tools/eureka/libs/eureka-server-main.jar -C .tools/eureka/classes .
    # It starts in half the time with a class archive. It cannot listen on this address, so this run ends after its start.
    java -XX:ArchiveClassesAtExit=.tools/eureka/classes.jsa -Xlog:disable -cp "$PWD/.tools/eureka/libs/*" EurekaServer \
      --server.address=192.0.2.1 --eureka.client.enabled=false >/dev/null 2>&1 || true
    cp scripts/eureka/pom.xml .tools/eureka/pom.xml
  fi
  ls .tools/eureka/libs | sed -n 's/^spring-cloud-netflix-eureka-server-\([0-9.]*\)\.jar$/deps: Eureka (Spring Cloud) \1/p'
  exit
fi

if [ "$1" = elasticmq ]; then
  if ! same elasticmq; then
    jars elasticmq
    cp scripts/elasticmq/pom.xml .tools/elasticmq/pom.xml
  fi
  ls .tools/elasticmq/libs | sed -n 's/^elasticmq-server_[0-9.]*-\([0-9.]*\)\.jar$/deps: ElasticMQ \1/p'
  exit
fi

if ! same grpc-java; then
  jars grpc-java
  mvn -q -B -f scripts/grpc-java/pom.xml dependency:unpack-dependencies -DoutputDirectory="$PWD/.tools/grpc-java/proto" \
    -DmarkersDirectory="$PWD/.tools/grpc-java/markers" -DincludeArtifactIds=grpc-interop-testing \
    -Dmdep.unpack.includes='grpc/testing/*.proto'
  # Each test case starts a new client process, which is twice as fast with a class archive. Nothing listens on port 1, so
  # this run fails, but its classes are loaded by then.
  java -XX:ArchiveClassesAtExit=.tools/grpc-java/classes.jsa -Xlog:disable -cp "$PWD/.tools/grpc-java/libs/*" \
    io.grpc.testing.integration.TestServiceClient --use_tls=false --server_host=127.0.0.1 --server_port=1 >/dev/null 2>&1 || true
  cp scripts/grpc-java/pom.xml .tools/grpc-java/pom.xml
fi
ls .tools/grpc-java/libs | sed -n 's/^grpc-interop-testing-\([0-9.]*\)\.jar$/deps: grpc-java \1/p'
