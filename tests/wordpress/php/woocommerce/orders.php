<?php
/**
 * Orders of the stand-in: posts, with their lines as one meta value.
 */

class WC_Order_Item_Product {

	private $meta = array();
	private $product;
	private $quantity;

	public function __construct( $product = null, $quantity = 1 ) {
		$this->product  = $product;
		$this->quantity = $quantity;
	}

	public function get_product() {
		return $this->product ? $this->product : false;
	}

	public function get_quantity() {
		return $this->quantity;
	}

	public function get_meta( $key ) {
		return $this->meta[ $key ] ?? '';
	}

	public function meta_exists( $key ) {
		return isset( $this->meta[ $key ] );
	}

	public function add_meta_data( $key, $value, $unique = false ) {
		$this->meta[ $key ] = $value;
	}

	public function update_meta_data( $key, $value ) {
		$this->meta[ $key ] = $value;
	}

	public function get_formatted_meta_data() {
		return apply_filters( 'woocommerce_order_item_get_formatted_meta_data', $this->meta, $this );
	}
}

class WC_Order extends WC_Stand_In_Data {

	public $items = array();

	public function get_items( $type = 'line_item' ) {
		return $this->items;
	}

	public function get_customer_id() {
		return (int) get_post_meta( $this->id, '_customer_user', true );
	}

	public function get_status() {
		return get_post_meta( $this->id, '_status', true );
	}
}

function wc_get_order( $id = false ) {
	return 'shop_order' === get_post_type( (int) $id ) ? new WC_Order( (int) $id ) : false;
}
