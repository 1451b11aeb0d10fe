import com.google.inject.Guice;
import com.google.inject.Injector;
import com.google.inject.Stage;
import com.limegroup.gnutella.ActivityCallback;
import com.limegroup.gnutella.ConnectionServices;
import com.limegroup.gnutella.LifecycleManager;
import com.limegroup.gnutella.LimeCoreGlue;
import com.limegroup.gnutella.LimeWireCoreModule;
import com.limegroup.gnutella.NetworkManager;
import com.limegroup.gnutella.library.FileCollectionManager;
import com.limegroup.gnutella.library.SharedFileCollection;
import java.io.File;
import org.limewire.core.settings.ConnectionSettings;
import org.limewire.core.settings.DHTSettings;
import org.limewire.core.settings.DaapSettings;
import org.limewire.core.settings.FilterSettings;
import org.limewire.core.settings.LibrarySettings;
import org.limewire.core.settings.NetworkSettings;
import org.limewire.core.settings.UltrapeerSettings;
import org.limewire.inject.GuiceUtils;
import org.limewire.net.SocketsManager.ConnectType;

/**
 * LimeWire's core as one servent: Servent PORT DIR leaf|ultrapeer [HOST:PORT]... listens on PORT, shares the files
 * in DIR, keeps its state beneath them and connects to the hosts.
 */
public class Servent {
    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[0]);
        File dir = new File(args[1]).getAbsoluteFile();
        File state = new File(dir, ".limewire");
        state.mkdirs();
        LimeCoreGlue.preinstall(state);
        configure(args[2].equals("ultrapeer"));

        // The command line's own callback, which its author left private.
        Class<? extends ActivityCallback> callback =
                Class.forName("com.limegroup.gnutella.Main$MainCallback").asSubclass(ActivityCallback.class);
        Injector injector = Guice.createInjector(Stage.DEVELOPMENT, new LimeWireCoreModule(callback));
        GuiceUtils.loadEagerSingletons(injector);
        injector.getInstance(LifecycleManager.class).start();
        share(injector, dir);
        listen(injector, port);
        ConnectionServices connections = injector.getInstance(ConnectionServices.class);
        for (int i = 3; i < args.length; i++) {
            int colon = args[i].lastIndexOf(':');
            connections.connectToHostAsynchronously(
                    args[i].substring(0, colon), Integer.parseInt(args[i].substring(colon + 1)), ConnectType.PLAIN);
        }
        Thread.currentThread().join();
    }

    private static void configure(boolean ultrapeer) {
        NetworkSettings.PORT.setValue(0); // whoever reaches it shall find the files shared
        LibrarySettings.ALLOW_DOCUMENT_GNUTELLA_SHARING.setValue(true);
        LibrarySettings.ALLOW_PROGRAMS.setValue(true);
        DaapSettings.DAAP_ENABLED.setValue(false);
        ConnectionSettings.LOCAL_IS_PRIVATE.setValue(false);
        ConnectionSettings.DO_NOT_BOOTSTRAP.setValue(true);
        ConnectionSettings.DO_NOT_MULTICAST_BOOTSTRAP.setValue(true);
        ConnectionSettings.DISABLE_UPNP.setValue(true);
        ConnectionSettings.FILTER_CLASS_C.setValue(false);
        ConnectionSettings.LIME_ATTEMPTS.setValue(0);
        FilterSettings.REPETITIVE_QUERY_FILTER_SIZE.setValue(0);
        DHTSettings.DISABLE_DHT_USER.setValue(true);
        UltrapeerSettings.FORCE_ULTRAPEER_MODE.setValue(ultrapeer);
        UltrapeerSettings.DISABLE_ULTRAPEER_MODE.setValue(!ultrapeer);
    }

    private static void listen(Injector injector, int port) throws Exception {
        ConnectionSettings.FORCED_IP_ADDRESS_STRING.set("127.0.0.1");
        ConnectionSettings.FORCED_PORT.setValue(port);
        ConnectionSettings.FORCE_IP_ADDRESS.setValue(true);
        injector.getInstance(NetworkManager.class).setListeningPort(port);
        NetworkSettings.PORT.setValue(port);
    }

    private static void share(Injector injector, File dir) throws Exception {
        SharedFileCollection shared = injector.getInstance(FileCollectionManager.class).getCollectionById(0);
        for (File file : dir.listFiles(File::isFile)) {
            shared.add(file).get();
        }
    }
}
