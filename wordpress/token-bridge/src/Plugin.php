<?php
/**
 * The plugin.
 *
 * @package TokenBridge
 */

namespace TokenBridge;

defined( 'ABSPATH' ) || exit;

use TokenBridge\Account\AccountScreen;
use TokenBridge\Account\CreditsScreen;
use TokenBridge\Account\MyAccountTab;
use TokenBridge\Account\OpenCredits;
use TokenBridge\Account\OpenPortal;
use TokenBridge\Account\TogglePanel;
use TokenBridge\Admin\ConnectActions;
use TokenBridge\Admin\ConnectScreen;
use TokenBridge\Admin\Menu;
use TokenBridge\Admin\SettingsAction;
use TokenBridge\Admin\SettingsScreen;
use TokenBridge\Ai\Abilities;
use TokenBridge\Ai\AiAction;
use TokenBridge\Ai\AiMetering;
use TokenBridge\Ai\AiScreen;
use TokenBridge\Ai\BuyNotice;
use TokenBridge\Ai\LimitsTable;
use TokenBridge\Cli\Commands;
use TokenBridge\Events\EventReceiver;
use TokenBridge\Metering\GuestSignIn;
use TokenBridge\Metering\Proxy;
use TokenBridge\Network\Lifecycle;
use TokenBridge\Network\NetworkScreen;
use TokenBridge\Network\Pool;
use TokenBridge\Network\SaveNetwork;
use TokenBridge\Network\SaveSubsites;
use TokenBridge\Orders\ChangeWatcher;
use TokenBridge\Orders\Completion;
use TokenBridge\Orders\GrantNotes;
use TokenBridge\Orders\LineStamp;
use TokenBridge\Orders\MinimalCheckout;
use TokenBridge\Orders\OrdersColumn;
use TokenBridge\Outbox\Outbox;
use TokenBridge\Privacy\Eraser;
use TokenBridge\Privacy\Exporter;
use TokenBridge\Products\ProductPanel;
use TokenBridge\Products\ProductSaver;
use TokenBridge\Users\GrantAction;
use TokenBridge\Users\UserWatcher;
use TokenBridge\Widget\Block;
use TokenBridge\Widget\FragmentDropper;
use TokenBridge\Widget\Shortcodes;
use TokenBridge\Widget\Uncacheable;

/**
 * Starts the features of the plugin.
 */
final class Plugin {

	/** @var self|null */
	private static $instance;

	/** @var Services */
	private $services;

	private function __construct() {
		$this->services = new Services();
	}

	public static function instance(): self {
		if ( null === self::$instance ) {
			self::$instance = new self();
		}
		return self::$instance;
	}

	public function services(): Services {
		return $this->services;
	}

	/**
	 * Adds all hooks. Runs once, while WordPress loads its plugins.
	 */
	public function start(): void {
		Outbox::register_table();
		add_action( 'init', [ $this, 'load_translations' ] );
		add_action( 'before_woocommerce_init', [ $this, 'declare_compatibility' ] );
		foreach ( $this->features() as $feature ) {
			$feature->register();
		}
	}

	public function load_translations(): void {
		// The plugin brings its translations, also where it does not come from the directory.
		load_plugin_textdomain( 'token-bridge', false, dirname( plugin_basename( TOKEN_BRIDGE_FILE ) ) . '/languages' ); // phpcs:ignore PluginCheck.CodeAnalysis.DiscouragedFunctions -- see above.
	}

	/**
	 * Declares that orders in own tables (HPOS) and block checkout work with this plugin.
	 */
	public function declare_compatibility(): void {
		if ( ! class_exists( \Automattic\WooCommerce\Utilities\FeaturesUtil::class ) ) {
			return;
		}
		foreach ( [ 'custom_order_tables', 'cart_checkout_blocks' ] as $feature ) {
			\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( $feature, TOKEN_BRIDGE_FILE, true );
		}
	}

	/**
	 * @return Feature[]
	 */
	private function features(): array {
		$features = [
			new Activation(),
			new Lifecycle( $this->services ),
			$this->services->transfer(),
			new Shortcodes( $this->services ),
			new Block( $this->services ),
			new Uncacheable(),
			new FragmentDropper( $this->services->fragment_cache(), $this->services->connection() ),
			$this->services->sender(),
			new EventReceiver( $this->services->connection_option() ),
			new Proxy( $this->services ),
			new GuestSignIn( $this->services->connection(), $this->services->outbox() ),
			new GrantAction( $this->services->outbox() ),
			new GrantNotes(),
			new MyAccountTab( $this->services ),
			new Exporter( $this->services ),
			new Eraser( $this->services ),
			new Commands( $this->services ),
			new AiMetering( $this->services ),
			new Abilities( $this->services ),
			new ChangeWatcher( $this->services->connection(), $this->services->settings(), $this->services->outbox() ),
			new UserWatcher( $this->services->connection(), $this->services->outbox() ),
			new LineStamp( $this->services->packages() ),
			new Completion( $this->services->settings(), $this->services->packages() ),
			new MinimalCheckout( $this->services->settings(), $this->services->packages() ),
		];
		return is_admin() ? array_merge( $features, $this->admin_features() ) : $features;
	}

	/**
	 * @return Feature[]
	 */
	private function admin_features(): array {
		return [
			$this->menu(),
			...$this->network_features(),
			new OpenCredits( $this->services ),
			new OpenPortal( $this->services ),
			new TogglePanel(),
			new OrdersColumn(),
			new ConnectActions( $this->services ),
			new SettingsAction( $this->services->settings(), $this->services->deliveries() ),
			new AiAction( $this->services->settings() ),
			new BuyNotice( $this->services->settings() ),
			new ProductPanel( $this->services->packages(), $this->services->prices(), $this->services->package_advice() ),
			new ProductSaver( $this->services->packages() ),
		];
	}

	/**
	 * @return Feature[]
	 */
	private function network_features(): array {
		if ( ! is_multisite() ) {
			return [];
		}
		$pool = new Pool( $this->services );
		return [ new NetworkScreen( $pool ), new SaveNetwork( $pool ), new SaveSubsites( $pool ) ];
	}

	private function menu(): Menu {
		return new Menu(
			new CreditsScreen( $this->services ),
			new AccountScreen( $this->services ),
			new ConnectScreen( $this->services ),
			new AiScreen( $this->services->settings(), new LimitsTable( $this->services->transport() ) ),
			new SettingsScreen( $this->services->settings() )
		);
	}
}
