// Neo4j Community in a process of its own: java -cp 'CLASSES:JARS/*' Neo4jServer HOME neo4j.conf [PASSWORD, the first time]
// It says "ready" once it answers, and ends when its standard input does: none outlives the tests that started it.

import java.nio.file.Path;
import java.util.Map;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

class Neo4jServer {
    public static void main(String[] arguments) throws Exception {
        var server = new DatabaseManagementServiceBuilder(Path.of(arguments[0]))
            .loadPropertiesFromFile(Path.of(arguments[1]))
            .build();
        if (arguments.length > 2) {
            server.database("system").executeTransactionally(
                "ALTER USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED", Map.of("password", arguments[2]));
        }
        System.out.println("ready");
        while (System.in.read() != -1) { }
        server.shutdown();
    }
}
