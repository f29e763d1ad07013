<?php
/**
 * The page of the network.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Network;

use TokenBridge\Admin\ConnectScreen;
use TokenBridge\Admin\Menu;
use TokenBridge\Admin\Notices;
use TokenBridge\Admin\PostHandler;
use TokenBridge\Feature;

defined( 'ABSPATH' ) || exit;

/**
 * Lets an admin of the network choose the account that pays, the subsites that take part, and their caps.
 */
final class NetworkScreen implements Feature {

	public const SLUG       = 'token-bridge-network';
	public const CAPABILITY = 'manage_network_options';
	public const PER_PAGE   = 50;

	/** @var Pool */
	private $pool;

	public function __construct( Pool $pool ) {
		$this->pool = $pool;
	}

	public function register(): void {
		add_action( 'network_admin_menu', [ $this, 'add' ] );
	}

	public function add(): void {
		add_menu_page( 'Token Bridge', 'Token Bridge', self::CAPABILITY, self::SLUG, [ $this, 'render' ], 'dashicons-chart-bar', 56 );
	}

	/**
	 * Returns the address of the page.
	 */
	public static function url( int $page = 1 ): string {
		$url = network_admin_url( 'admin.php?page=' . self::SLUG );
		return $page > 1 ? add_query_arg( 'paged', $page, $url ) : $url;
	}

	public function render(): void {
		echo '<div class="wrap token-bridge-admin"><h1>' . esc_html__( 'Token Bridge: network', 'token-bridge' ) . '</h1>';
		Notices::show();
		if ( $this->pool->is_ready() ) {
			$this->settings( new NetworkOption() );
			$this->subsites( new NetworkOption() );
		} else {
			$this->advice();
		}
		echo '</div>';
	}

	private function advice(): void {
		echo '<p class="token-bridge-lead">' . esc_html__( 'Each site of this network connects by itself, under Token Bridge → Connect.', 'token-bridge' ) . '</p>';
		echo '<p>' . esc_html__( 'If you connect the main site as a store, the account of one of its users can pay for all subsites, with a monthly cap for each.', 'token-bridge' ) . '</p>';
		$url = get_admin_url( get_main_site_id(), 'admin.php?page=' . ConnectScreen::SLUG );
		echo '<p><a class="button button-primary" href="' . esc_url( $url ) . '">' . esc_html__( 'Connect the main site', 'token-bridge' ) . '</a></p>';
	}

	private function settings( NetworkOption $option ): void {
		$payer = get_userdata( $option->payer() );
		echo '<form method="post" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '">';
		PostHandler::fields( 'network' );
		echo '<table class="form-table" role="presentation"><tbody>';
		$this->text_row( 'payer', __( 'Account that pays', 'token-bridge' ), $payer ? $payer->user_login : '', __( 'User name or email of the user whose tokens the subsites share. Leave it empty if each subsite connects by itself.', 'token-bridge' ) );
		$this->check_row( 'joins_new', __( 'New subsites take part', 'token-bridge' ), $option->joins_new() );
		$cap = $option->new_cap();
		$this->text_row( 'new_cap', __( 'Monthly cap of new subsites', 'token-bridge' ), null === $cap ? '' : number_format_i18n( $cap ), __( 'Tokens. Empty for no cap; 0 lets a subsite spend nothing.', 'token-bridge' ) );
		$this->check_row( 'may_connect', __( 'Admins of subsites may connect their site by themselves', 'token-bridge' ), $option->may_connect() );
		echo '</tbody></table><p><button class="button button-primary">' . esc_html__( 'Save', 'token-bridge' ) . '</button></p></form>';
	}

	private function text_row( string $name, string $label, string $value, string $help ): void {
		$id = 'token-bridge-' . $name;
		echo '<tr><th scope="row"><label for="' . esc_attr( $id ) . '">' . esc_html( $label ) . '</label></th><td>';
		echo '<input type="text" class="regular-text" id="' . esc_attr( $id ) . '" name="' . esc_attr( $name ) . '" value="' . esc_attr( $value ) . '" autocomplete="off" aria-describedby="' . esc_attr( $id ) . '-help">';
		echo '<p class="description" id="' . esc_attr( $id ) . '-help">' . esc_html( $help ) . '</p></td></tr>';
	}

	private function check_row( string $name, string $label, bool $is_on ): void {
		$id = 'token-bridge-' . $name;
		echo '<tr><th scope="row"><label for="' . esc_attr( $id ) . '">' . esc_html( $label ) . '</label></th><td>';
		echo '<input type="checkbox" id="' . esc_attr( $id ) . '" name="' . esc_attr( $name ) . '" value="1" ' . checked( $is_on, true, false ) . '></td></tr>';
	}

	private function subsites( NetworkOption $option ): void {
		echo '<h2>' . esc_html__( 'Subsites', 'token-bridge' ) . '</h2>';
		$page  = isset( $_GET['paged'] ) ? max( 1, (int) $_GET['paged'] ) : 1; // phpcs:ignore -- only chooses a page.
		$query = [
			'site__not_in' => [ get_main_site_id() ],
			'orderby'      => 'id',
		];
		$ids   = get_sites(
			$query + [
				'fields' => 'ids',
				'number' => self::PER_PAGE,
				'offset' => ( $page - 1 ) * self::PER_PAGE,
			]
		);
		( new SubsiteTable( $this->pool, $option->payer() ) )->render( array_map( 'intval', $ids ), $page );
		$this->pages( (int) get_sites( $query + [ 'count' => true ] ), $page );
	}

	private function pages( int $count, int $page ): void {
		$links_html = paginate_links(
			[
				'base'    => add_query_arg( 'paged', '%#%', self::url() ),
				'format'  => '',
				'total'   => (int) ceil( $count / self::PER_PAGE ),
				'current' => $page,
			]
		);
		echo '<div class="tablenav"><div class="tablenav-pages">' . wp_kses_post( (string) $links_html ) . '</div></div>';
	}
}
