# javac, Maven with Surefire, Gradle, JUnit's console and JUnit XML.
have javac || return 0
J="$app/java"
mkdir -p "$J/src/main/java/app" "$J/src/test/java/app" "$J/plain" "$J/broken/src/main/java/app" "$J/empty/src/main/java/app"
printf 'package app;\n\npublic class Calc {\n    public static int add(int a, int b) {\n        return a + b;\n    }\n}\n' | tee "$J/src/main/java/app/Calc.java" >"$J/empty/src/main/java/app/Calc.java"
printf 'package app;\n\npublic class Calc {\n    public static int add(int a, int b) {\n        return absent;\n    }\n\n    int f() {\n        return "text";\n    }\n}\n' >"$J/broken/src/main/java/app/Calc.java"
printf 'package app;\n\nimport static org.junit.Assert.assertEquals;\n\nimport org.junit.Test;\n\npublic class GoodTest {\n    @Test\n    public void adds() {\n        assertEquals(3, Calc.add(1, 2));\n    }\n\n    @Test\n    public void zero() {\n        assertEquals(0, Calc.add(0, 0));\n    }\n}\n' >"$J/src/test/java/app/GoodTest.java"
printf 'package app;\n\nimport static org.junit.Assert.assertEquals;\n\nimport org.junit.Ignore;\nimport org.junit.Test;\n\npublic class BadTest {\n    @Test\n    public void fine() {\n        assertEquals(3, Calc.add(1, 2));\n    }\n\n    @Test\n    public void wrong() {\n        assertEquals(4, Calc.add(1, 2));\n    }\n\n    @Test\n    public void boom() {\n        throw new IllegalStateException("boom");\n    }\n\n    @Ignore\n    @Test\n    public void later() {}\n}\n' >"$J/src/test/java/app/BadTest.java"
pom() {
  printf '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>\n<groupId>com.example</groupId><artifactId>%s</artifactId><version>1.0</version>\n<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>\n<dependencies><dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4.x</version><scope>test</scope></dependency></dependencies>\n<build><plugins>\n' "$1"
  printf '<plugin><artifactId>maven-resources-plugin</artifactId><version>3.3.0</version></plugin>\n<plugin><artifactId>maven-compiler-plugin</artifactId><version>3.10.1</version></plugin>\n<plugin><artifactId>maven-surefire-plugin</artifactId><version>2.22.3</version></plugin>\n</plugins></build></project>\n'
}
pom calc >"$J/pom.xml"; pom broken >"$J/broken/pom.xml"; pom empty >"$J/empty/pom.xml"
printf "apply plugin: 'java'\ndependencies { testCompile files('/usr/share/java/junit4.jar', '/usr/share/java/hamcrest-core.jar') }\n" | tee "$J/build.gradle" "$J/empty/build.gradle" >"$J/broken/build.gradle"
for p in . broken empty; do printf "rootProject.name = 'calc'\n" >"$J/$p/settings.gradle"; done

printf 'public class Good {\n    public static void main(String[] a) {\n        System.out.println("hi");\n    }\n}\n' >"$J/plain/Good.java"
printf 'public class Bad {\n    int f() {\n        return absent;\n    }\n\n    String g() {\n        return 1;\n    }\n}\n' >"$J/plain/Bad.java"
printf 'import java.util.*;\n\npublic class Warn {\n    List f() {\n        return new ArrayList();\n    }\n}\n' >"$J/plain/Warn.java"
rec javac-pass java/plain "javac Good.java"
rec javac-fail java/plain "javac Bad.java"
rec javac-warn java/plain "javac -Xlint:all Warn.java"
rec javac-no-file java/plain "javac Absent.java"
rec javac-tail java/plain "javac Bad.java 2>&1 | tail -1"
rec javac-head java/plain "javac Bad.java 2>&1 | head -1"
rec javac-run java/plain "javac Good.java && java Good"
rec javac-usage java/plain "javac"

if have mvn && [ -f /etc/maven/settings-debian.xml ]; then
  mkdir -p "$HOME/.m2" && cp /etc/maven/settings-debian.xml "$HOME/.m2/settings.xml"
  export MAVEN_OPTS="-Duser.home=$HOME"
  rec maven-pass java "mvn -B -o test -Dtest=GoodTest"
  rec maven-fail java "mvn -B -o test"
  rec maven-quiet java "mvn -q -B -o test"
  rec maven-quiet-pass java "mvn -q -B -o test -Dtest=GoodTest"
  rec maven-tail java "mvn -B -o test 2>&1 | tail -30"
  rec maven-tail-cut java "mvn -B -o test 2>&1 | tail -5"
  rec maven-head java "mvn -B -o test 2>&1 | head -12"
  rec maven-grep java "mvn -B -o test 2>&1 | grep 'Tests run'"
  rec maven-color java "mvn -B -o -Dstyle.color=always test"
  rec maven-broken java/broken "mvn -B -o test"
  rec maven-compile java "mvn -B -o compile"
  rec maven-compile-fail java/broken "mvn -B -o compile"
  rec maven-empty java/empty "mvn -B -o test"
  rec maven-skip java "mvn -B -o test -DskipTests"
  rec maven-no-match java "mvn -B -o test -Dtest=Absent"
  rec maven-no-pom "" "mvn -B -o test"
  rec maven-no-goal java "mvn -B -o absent"
  rec maven-ignore java "mvn -B -o test -Dmaven.test.failure.ignore=true"
  rec junit-surefire java "cat target/surefire-reports/TEST-app.BadTest.xml target/surefire-reports/TEST-app.GoodTest.xml | sed '/propert/d'"
fi
if have gradle; then
  export GRADLE_OPTS="-Duser.home=$HOME -Dorg.gradle.daemon=false" GRADLE_USER_HOME=$HOME/.gradle
  rec gradle-pass java "gradle --offline test --tests 'app.GoodTest'"
  rec gradle-fail java "gradle --offline test"
  rec gradle-tail java "gradle --offline test 2>&1 | tail -3"
  rec gradle-quiet java "gradle -q --offline test"
  rec gradle-up-to-date java "gradle --offline classes"
  rec gradle-build-fail java/broken "gradle --offline build"
  rec gradle-empty java/empty "gradle --offline test"
  rec gradle-no-match java "gradle --offline test --tests absent"
  rec gradle-no-task java "gradle --offline absent"
  printf "apply plugin: 'java'\ndependencies { testCompile files('/usr/share/java/junit4.jar', '/usr/share/java/hamcrest-core.jar') }\ntest { testLogging { events 'passed', 'failed', 'skipped' } }\n" >"$J/build.gradle"
  rec gradle-events java "gradle --offline test --tests 'app.GoodTest'"
  rec gradle-events-fail java "gradle --offline test"
  rec junit-gradle java "cat build/test-results/test/*.xml"
fi
CP=/usr/share/java/junit4.jar:/usr/share/java/hamcrest-core.jar
if [ -f /usr/share/java/junit4.jar ]; then
  mkdir -p "$J/out" && javac -cp $CP -d "$J/out" "$J"/src/main/java/app/*.java "$J"/src/test/java/app/*.java
  rec junit4-pass java "java -cp out:$CP org.junit.runner.JUnitCore app.GoodTest"
  rec junit4-fail java "java -cp out:$CP org.junit.runner.JUnitCore app.GoodTest app.BadTest"
fi
if [ -f /usr/share/java/junit-platform-console.jar ]; then
  CP5=$(ls /usr/share/java/{junit-jupiter-api,junit-jupiter-engine,junit-platform-console,junit-platform-commons,junit-platform-engine,junit-platform-launcher,junit-platform-reporting,opentest4j,apiguardian-api,picocli,univocity-parsers}.jar 2>/dev/null | tr '\n' ':')
  mkdir -p "$J/five"
  printf 'import org.junit.jupiter.api.*;\n\nclass FiveTest {\n    @Test void fine() {}\n\n    @Test void wrong() { Assertions.assertEquals(4, 3); }\n\n    @Disabled @Test void later() {}\n}\n' >"$J/five/FiveTest.java"
  printf 'import org.junit.jupiter.api.*;\n\nclass FineTest {\n    @Test void fine() {}\n}\n' >"$J/five/FineTest.java"
  javac -cp "$CP5" -d "$J/five/out" "$J/five"/*.java
  printf '#!/bin/sh\nexec java -cp five/out:%s org.junit.platform.console.ConsoleLauncher --disable-banner "$@"\n' "$CP5" >"$J/junit5"
  chmod +x "$J/junit5"
  rec junit5-pass java "./junit5 -c FineTest"
  rec junit5-fail java "./junit5 -c FineTest -c FiveTest"
  rec junit5-tail java "./junit5 -c FineTest -c FiveTest | tail -5"
fi
